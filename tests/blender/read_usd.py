"""What Pixar's own library reads of a USD file's skeletons, as JSON. A test starts it, in a process without Blender."""

import json
import sys

from pxr import Usd, UsdGeom, UsdSkel

stage = Usd.Stage.Open(sys.argv[1])
codes = range(int(stage.GetStartTimeCode()), int(stage.GetEndTimeCode()) + 1)
cache, shapes, joints = UsdSkel.Cache(), {}, {}
for prim in stage.Traverse():
    if prim.IsA(UsdSkel.Skeleton):
        query = cache.GetSkelQuery(UsdSkel.Skeleton(prim))
        names = [path.split("/")[-1] for path in query.GetJointOrder()]
        posed = [query.ComputeJointSkelTransforms(code) for code in codes]
        joints |= {n: [[list(row) for row in pose[i]] for pose in posed] for i, n in enumerate(names)}
    if prim.IsA(UsdGeom.Mesh) and prim.HasAPI(UsdSkel.BindingAPI):
        binding = UsdSkel.BindingAPI(prim)
        tokens = list(binding.GetBlendShapesAttr().Get())
        targets = [path.name for path in binding.GetBlendShapeTargetsRel().GetTargets()]
        skeleton = UsdSkel.Skeleton(stage.GetPrimAtPath(binding.GetSkeletonRel().GetTargets()[0]))
        source = UsdSkel.BindingAPI(skeleton.GetPrim()).GetAnimationSource()
        animation = UsdSkel.Animation(source)
        order = list(animation.GetBlendShapesAttr().Get())
        for token, name in zip(tokens, targets, strict=True):
            values = [animation.GetBlendShapeWeightsAttr().Get(code)[order.index(token)] for code in codes]
            shapes[f"{prim.GetName()}:{name}"] = values
print(json.dumps({
    "fps": stage.GetTimeCodesPerSecond(), "span": [codes[0], codes[-1]], "shapes": shapes, "joints": joints,
}))  # fmt: skip
