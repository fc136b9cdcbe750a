package script

import "testing"

func TestHeardIn(t *testing.T) {
	const heard = "On your health account, you owe 198 dollars,\n due Tuesday,  February 23rd. To pay all of it, press 1."
	tests := map[string]bool{
		"you owe 198 dollars":             true,
		"YOU OWE 198 dollars … press 1":   true,
		"you owe 198 dollars ... press 1": true,
		"you owe  198\tdollars":           true,
		"…press 1":                        true,
		"":                                true,
		"98 dollars":                      false, // whole words
		"press 1 … you owe":               false, // in this order
		"owe 198 dollar":                  false,
		"you owe 198 dollars due":         false, // a comma is heard as a pause
		"health account … health account": false, // each part behind the one before
		"february 23rd. to pay all of it": true,
	}
	for pattern, want := range tests {
		if got := matches(pattern, heard); got != want {
			t.Errorf("%q: %v, want %v", pattern, got, want)
		}
	}
	if missing, rest := firstMissing("you owe … press 2", heard); missing != "press 2" || rest == "" {
		t.Errorf("missing %q after %q", missing, rest)
	}
}
