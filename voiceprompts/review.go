package voiceprompts

// Template is a message as it stands in a language's files, placeholders and all; empty where the
// language does not have it. It is for reviewers and translators, not for speaking.
func (c *Catalog) Template(lang, key string) string {
	set, ok := c.messages[lang]
	if !ok {
		return ""
	}
	m, ok := set.byKey[key]
	if !ok {
		return ""
	}
	return m.forms.Other
}

// Description says where an English message is spoken, and why.
func (c *Catalog) Description(key string) string {
	return c.messages[Reference].byKey[key].forms.Description
}
