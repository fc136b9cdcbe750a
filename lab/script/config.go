package script

import "duebell/lab/harness"

// Config returns the configuration of a harness that is opened for this script alone (Options.Fresh): the
// script's policy is in force from the start, so that no role has to be started twice. cfg's own policy, or the
// default one of scripts, stays in force where the script says nothing.
func (s Script) Config(cfg harness.Config) harness.Config {
	base := cfg.Policy
	if base == "" {
		base = harness.DefaultPolicy
	}
	cfg.Policy = harness.MergePolicy(base, s.Policy)
	return cfg
}
