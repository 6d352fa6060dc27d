"""``flask clerk-emulator``: starts the local Clerk and controls a running one."""
