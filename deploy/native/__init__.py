"""The account fold as C extensions: a speed-up that is never stale and never needed."""
