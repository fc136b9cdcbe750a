package billing

import "time"

// Clock tells the time, in UTC. There are two: the domain's clock, by which bills fall due and texts may go, and
// which the lab moves; and the machine's, for leases, time-outs and measurements. In production both tell the same.
type Clock interface{ Now() time.Time }
