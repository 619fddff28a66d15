"""The Python API: short functions that join the stages.

Import the functions from their modules: `mooring.workflow.locking`, `selecting`, `exporting`,
`rendering`, `syncing`, `verifying`, `containers` and `building`. Nothing here prints; progress goes
to the `Reporter` that a caller passes.
"""
