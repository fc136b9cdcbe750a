package app

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strings"
)

// Secret is a setting that is given by the environment or by a file, and never by a flag.
type Secret struct {
	Name string // of the variable; with _FILE behind it, of the variable that names the file
	Help string
}

// Secrets lists the secrets among the settings, in their order.
// It is what --help-settings prints, so a secret that is added to Settings shows there by itself.
func Secrets() []Secret {
	var list []Secret
	for f := range reflect.TypeFor[Settings]().Fields() {
		if name, secret := f.Tag.Lookup("secret"); secret {
			list = append(list, Secret{name, f.Tag.Get("help")})
		}
	}
	return list
}

// readSecrets fills in the secrets. An empty variable counts as not set: composed environments pass those.
func (s *Settings) readSecrets(p *problems) {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		if name, secret := v.Type().Field(i).Tag.Lookup("secret"); secret {
			v.Field(i).SetString(readSecret(name, p))
		}
	}
}

// readSecret returns the value of a variable, or what the file holds that the variable with _FILE names, without
// the line's end that editors add. A value never stands in a message.
//
// A file is read once, at start: what is changed in it counts after a restart.
func readSecret(name string, p *problems) string {
	value, path := os.Getenv(name), os.Getenv(name+"_FILE")
	switch {
	case path == "":
		return value
	// Neither wins by a rule that somebody would have to know.
	case value != "":
		p.add(name, "and %s_FILE are both set: unset one, so that it is certain which counts", name)
		return ""
	}
	content, err := os.ReadFile(path)
	if err != nil {
		// The path is named by our own message; the system's would repeat it.
		if wrapped := (*fs.PathError)(nil); errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		p.add(name, "cannot be read from %s, which %s_FILE names: %w", path, name, err)
		return ""
	}
	value = strings.TrimRight(string(content), "\r\n")
	// An empty file is a mistake; an empty variable is not, since composed environments pass those.
	if value == "" {
		p.add(name, "is empty in %s, which %s_FILE names", path, name)
	}
	return value
}
