"""`perdure demo`: three acts on servers of their own, to see in two minutes what Perdure is for.

Role: the entry point `demo` of the command line. It uses what users use (the public API, the commands, the embedded
servers) and nothing else, so that whatever works here works for them. Nothing in the engine imports it.
"""

from perdure_engine.demo.performance import run_demo

__all__ = ["run_demo"]
