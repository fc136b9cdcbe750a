package app

import (
	"strings"
	"testing"
)

// TestDoctorsPace: a line without limits is told which are missing; a stand-in needs none.
func TestDoctorsPace(t *testing.T) {
	var cfg Config
	if err := checkPace(cfg); err == nil || !strings.Contains(err.Error(), "DUEBELL_SEGMENTS_PER_SECOND, DUEBELL_LINES") {
		t.Errorf("no limits: %v", err)
	}
	cfg.SegmentsPerSecond = 12.5
	if err := checkPace(cfg); err == nil || strings.Contains(err.Error(), "SEGMENTS") {
		t.Errorf("no lines: %v", err)
	}
	cfg.Lines = 200
	if err := checkPace(cfg); err != nil {
		t.Error(err)
	}
	if err := checkPace(Config{Settings: Settings{TwilioAPIURL: "http://127.0.0.1:1"}}); err != nil {
		t.Error(err)
	}
}
