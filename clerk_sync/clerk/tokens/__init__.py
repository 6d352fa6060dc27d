"""Session tokens: parsing, the policy, verification and claims."""
