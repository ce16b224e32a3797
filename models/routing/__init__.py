"""Which records go to the API: the policy, the rules that follow from it, languages."""
