"""An own kernel, when it is wanted (notebook 04)."""

from runbook.steps.kernel import (
    boot_kernel_once,
    build_kernel,
    install_kernel,
    prove_kernel,
    resolve_flags,
)

NOTEBOOK = "04_custom_kernel"
STEPS = (resolve_flags, build_kernel, install_kernel, boot_kernel_once, prove_kernel)
