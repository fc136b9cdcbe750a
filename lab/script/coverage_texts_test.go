package script_test

import (
	"fmt"
	"slices"

	"duebell/billing"
	"duebell/internal/twilio"
	"duebell/notify"
)

// unreachable are what nothing can bring about so far, by what the harness would record, and why.
var unreachable = map[string]string{
	"kind " + string(notify.OneTimeCode):   "no step asks for a code (tier T3)",
	"kind " + string(notify.AutoPayFailed): "no AutoPay draw is made here, so none comes back",
}

// textGoals are derived from the lists that the code itself goes by.
func textGoals() []goal {
	var list []goal
	add := func(kind string, names ...string) {
		for _, name := range names {
			if item := kind + " " + name; unreachable[item] == "" {
				list = append(list, goal{kind, kind + "=" + name, item})
			}
		}
	}
	for _, k := range notify.Kinds() {
		if k != notify.DueSoon {
			add("kind", string(k))
			continue
		}
		for _, days := range billing.DefaultPolicy().DueSoonDays {
			add("kind", fmt.Sprintf("%s/%d", k, days))
		}
	}
	add("regime", words(billing.Regimes())...)
	add("send", append(words(notify.SendKinds()), "ok")...)
	add("trouble", words(twilio.Troubles())...)
	add("inbound", words(notify.Classes())...)
	return list
}

func words[S ~string](list []S) []string {
	plain := make([]string, len(list))
	for i, s := range list {
		plain[i] = string(s)
	}
	slices.Sort(plain)
	return plain
}
