"""The runtime of a process: the assembly, worker loops, reload, health, metrics and tracing."""
