package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Program returns the path of another of our programs: beside the one that runs, where make build puts both,
// else on PATH. The error says how to build it.
func Program(name string) (string, error) {
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), name)
		// A folder of that name is no program.
		if st, err := os.Stat(beside); err == nil && st.Mode().IsRegular() {
			return beside, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is neither beside this program nor on PATH: build both with 'make build'", name)
	}
	return path, nil
}
