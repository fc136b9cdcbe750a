package notify

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nyaruka/phonenumbers"
)

// splitAreas are the area codes of the North American plan that lie in more than one zone. The library
// knows most of them only by their largest part, and a mobile number shows no more than its area code, so
// that all of its zones must be open (N4).
var splitAreas = byArea(map[string]string{
	"219 270 364 423 448 574 606 765 812 850 906 930 931": "America/New_York America/Chicago", // IN KY TN FL MI
	"308 432 605 620 701 785 915":                         "America/Chicago America/Denver",   // NE TX SD KS ND
	"208 458 541 986":                                     "America/Boise America/Los_Angeles",
	"775":                                                 "America/Denver America/Los_Angeles",
	"928":                                                 "America/Phoenix America/Denver", // Arizona and the Navajo Nation
	"907":                                                 "America/Anchorage America/Adak",
	"236 250 672 778":                                     "America/Edmonton America/Vancouver",
	"306 474 639":                                         "America/Regina America/Edmonton",
	"807":                                                 "America/Toronto America/Winnipeg",
	"367 418 581":                                         "America/Toronto America/Halifax",
	"709 879":                                             "America/Halifax America/St_Johns",
	"867":                                                 "America/Whitehorse America/Edmonton America/Winnipeg America/Toronto",
})

// byArea spreads the table, which lists area codes that share their zones on one line.
func byArea(areas map[string]string) map[string][]string {
	zones := map[string][]string{}
	for codes, names := range areas {
		for _, code := range strings.Fields(codes) {
			zones[code] = strings.Fields(names)
		}
	}
	return zones
}

// maxZones is in how many zones a number may lie and still count as mapped: for a number that it cannot
// place the library returns every zone of the country.
const maxZones = 4

// ZonesOf returns the IANA names of the zones in which the owner of a number may live: those of its area
// code. None: toll-free, or not mapped. A mobile number may have moved with its owner, which is why the
// business zone counts beside these (Rules.zones).
func ZonesOf(number string) []string {
	if area, ok := areaOf(number); ok {
		if zones, split := splitAreas[area]; split {
			return slices.Clone(zones)
		}
	}
	parsed, err := phonenumbers.Parse(number, "")
	if err != nil {
		return nil
	}
	// The library knows numbers by prefix, from the geographic data of the numbering plan.
	zones, err := phonenumbers.GetTimezonesForNumber(parsed)
	if err != nil || len(zones) > maxZones || slices.Contains(zones, phonenumbers.UNKNOWN_TIMEZONE) {
		return nil
	}
	return zones
}

// zoneCache holds the zones that were loaded: each costs far more to load than to use, and a run of the
// planner asks a million times. It grows by the few zones of the United States and is never emptied.
var zoneCache sync.Map // by name

// zoneNamed returns a zone by its IANA name. An error means that the name is no zone; it is not stored, so it
// is asked for again.
func zoneNamed(name string) (*time.Location, error) {
	if zone, ok := zoneCache.Load(name); ok {
		return zone.(*time.Location), nil
	}
	zone, err := time.LoadLocation(name)
	if err == nil {
		zoneCache.Store(name, zone)
	}
	return zone, err
}

// areaOf returns the area code of a number of the North American plan; false for any other number. The number
// must be E.164; nothing checks whether the area code is in use.
func areaOf(number string) (area string, ok bool) {
	rest, ok := strings.CutPrefix(number, "+1")
	if !ok || len(rest) != 10 || strings.Trim(rest, "0123456789") != "" {
		return "", false
	}
	return rest[:3], true
}

// Callable says whether the line may call a number back that asks for it (N8: no premium numbers): one of the
// North American plan at the price of a plain call. Anybody can text us from a number that costs more. The
// answer is by the numbering plan's data; whether anybody answers there is found out by calling.
func Callable(number string) bool {
	if _, ok := areaOf(number); !ok {
		return false
	}
	parsed, err := phonenumbers.Parse(number, "")
	if err != nil || !phonenumbers.IsPossibleNumber(parsed) {
		return false
	}
	return phonenumbers.GetNumberType(parsed) != phonenumbers.PREMIUM_RATE
}
