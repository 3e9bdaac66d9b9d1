"""The worker process: messages, analysis; the client that starts, polls and cancels; the environment it runs in."""
