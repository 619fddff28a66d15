"""The Python API: short functions that join the stages.

Import the functions from their modules: `mooring.workflow.locking`, `selecting`, `rendering`,
`environments` and `building`. Nothing here prints; progress goes to the `Reporter` a caller passes.
"""
