"""The sandbox of `temporalio` by its names, for programs that configure it. There is none here, and it costs nothing.

Modules are not imported again for each workflow, so that none needs to be passed through. What a workflow must not do
is refused by `WorkflowIOError`, and what differs from run to run is made deterministic (`perdure.execution.stand_ins`),
whatever restrictions are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import ClassVar

from perdure.worker.workflow_runner import UnsandboxedWorkflowRunner, WorkflowRunner
from perdure.workflow import SandboxImportNotificationPolicy, WorkflowIOError

__all__ = [
    "RestrictedWorkflowAccessError",
    "SandboxMatcher",
    "SandboxRestrictions",
    "SandboxedWorkflowRunner",
]

RestrictedWorkflowAccessError = WorkflowIOError
"""What workflow code gets for what it must not do."""


@dataclass(frozen=True)
class SandboxMatcher:
    """A set of modules and of their members. It matches nothing here, and keeps what it was given."""

    access: Set[str] = frozenset()
    use: Set[str] = frozenset()
    children: Mapping[str, SandboxMatcher] = field(default_factory=dict)
    match_self: bool = False
    only_runtime: bool = False
    leaf_message: str | None = None
    leaf_warning: type[Warning] | None = None
    exclude: Set[str] = frozenset()

    all: ClassVar[SandboxMatcher]
    all_runtime: ClassVar[SandboxMatcher]
    none: ClassVar[SandboxMatcher]
    all_uses: ClassVar[SandboxMatcher]
    all_uses_runtime: ClassVar[SandboxMatcher]

    @classmethod
    def nested_child(cls, path: Sequence[str], child: SandboxMatcher) -> SandboxMatcher:
        """The matcher of what `child` matches below `path`."""
        for name in reversed(path):
            child = cls(children={name: child})
        return child

    def with_child_unrestricted(self, *child_path: str) -> SandboxMatcher:
        """The same without one child."""
        name, *rest = child_path
        if rest and name in self.children:
            return replace(self, children={**self.children, name: self.children[name].with_child_unrestricted(*rest)})
        children = {key: child for key, child in self.children.items() if key != name}
        return replace(self, access=self.access - {name}, use=self.use - {name}, children=children)

    def __or__(self, other: SandboxMatcher) -> SandboxMatcher:
        return replace(
            self,
            access=self.access | other.access,
            use=self.use | other.use,
            children={**self.children, **other.children},
            match_self=self.match_self or other.match_self,
            exclude=self.exclude | other.exclude,
        )


SandboxMatcher.none = SandboxMatcher()
SandboxMatcher.all = SandboxMatcher(match_self=True)
SandboxMatcher.all_runtime = SandboxMatcher(match_self=True, only_runtime=True)
SandboxMatcher.all_uses = SandboxMatcher(use=frozenset({"*"}))
SandboxMatcher.all_uses_runtime = SandboxMatcher(use=frozenset({"*"}), only_runtime=True)


@dataclass(frozen=True)
class SandboxRestrictions:
    """What a sandbox would be told. It is kept, and has no effect."""

    passthrough_modules: Set[str] = frozenset()
    invalid_modules: SandboxMatcher = SandboxMatcher.none
    invalid_module_members: SandboxMatcher = SandboxMatcher.none
    import_notification_policy: SandboxImportNotificationPolicy = SandboxImportNotificationPolicy.SILENT
    passthrough_all_modules: bool = False
    disable_lazy_sys_module_passthrough: bool = False

    passthrough_modules_minimum: ClassVar[Set[str]] = frozenset()
    passthrough_modules_with_temporal: ClassVar[Set[str]] = frozenset()
    passthrough_modules_maximum: ClassVar[Set[str]] = frozenset()
    passthrough_modules_default: ClassVar[Set[str]] = frozenset()
    invalid_module_members_default: ClassVar[SandboxMatcher] = SandboxMatcher.none
    default: ClassVar[SandboxRestrictions]

    def with_passthrough_modules(self, *modules: str) -> SandboxRestrictions:
        """The same with these modules passed through, as all are."""
        return replace(self, passthrough_modules=self.passthrough_modules | frozenset(modules))

    def with_passthrough_all_modules(self) -> SandboxRestrictions:
        """The same with all modules passed through, as they are."""
        return replace(self, passthrough_all_modules=True)

    def with_import_notification_policy(self, policy: SandboxImportNotificationPolicy) -> SandboxRestrictions:
        """The same with another policy for imports."""
        return replace(self, import_notification_policy=policy)


SandboxRestrictions.default = SandboxRestrictions()


@dataclass(frozen=True)
class SandboxedWorkflowRunner(WorkflowRunner):
    """Accepted by `Worker` and `Replayer`; workflows run as by any other runner."""

    restrictions: SandboxRestrictions = SandboxRestrictions.default
    runner_class: type[WorkflowRunner] = UnsandboxedWorkflowRunner
