package limits_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"duebell/lab/testenv"
	"duebell/notify"
	"duebell/store/limits"
	"duebell/store/sessions"
)

var noon = time.Date(2027, time.February, 10, 17, 0, 0, 0, time.UTC)

func open(t testing.TB) *limits.Limits {
	t.Helper()
	client, err := sessions.Connect(testenv.Redis(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return limits.New(client)
}

// ask is a reminder of one segment at an instant.
func ask(at time.Time) notify.Reservation {
	return notify.Reservation{Sender: "+18776236765", Segments: []int{1}, Now: at, Day: "2027-02-10"}
}

func take(t testing.TB, l *limits.Limits, a notify.Reservation) notify.Grant {
	t.Helper()
	room, err := l.Reserve(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	return room
}

// sendFor takes all it can for a while, looking every 10 ms, and counts.
func sendFor(t testing.TB, l *limits.Limits, from time.Time, d time.Duration, a notify.Reservation) (texts int) {
	t.Helper()
	for at := from; at.Before(from.Add(d)); at = at.Add(10 * time.Millisecond) {
		for {
			a.Now = at
			if take(t, l, a).Granted == 0 {
				break
			}
			texts++
		}
	}
	return texts
}

// TestSegmentsASecond: a second's worth at once, then as many a second as the sender may send.
func TestSegmentsASecond(t *testing.T) {
	for _, c := range []struct {
		name            string
		segments, texts int
		first           bool
	}{
		{name: "payment texts of one segment", segments: 1, texts: 50 + 10*50, first: true},
		{name: "payment texts of three segments", segments: 3, texts: (50 + 10*50) / 3, first: true},
		{name: "reminders leave a fifth of the burst", segments: 1, texts: 40 + 10*50},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := ask(noon)
			a.Segments, a.First, a.SegmentsPerSecond = []int{c.segments}, c.first, 50
			if got := sendFor(t, open(t), noon, 10*time.Second, a); got < c.texts-2 || got > c.texts+1 {
				t.Errorf("%d texts in 10 seconds, want about %d", got, c.texts)
			}
		})
	}
}

// TestWait: whoever must wait is told for how long, and then it is right.
func TestWait(t *testing.T) {
	l, a := open(t), ask(noon)
	a.SegmentsPerSecond = 2
	for take(t, l, a).Granted > 0 {
	}
	room := take(t, l, a)
	if room.Wait <= 0 || room.Wait > 500*time.Millisecond || room.DayFull {
		t.Fatalf("told to wait %v", room.Wait)
	}
	a.Now = noon.Add(room.Wait - time.Millisecond)
	if take(t, l, a).Granted > 0 {
		t.Error("room before its time")
	}
	a.Now = noon.Add(room.Wait)
	if take(t, l, a).Granted == 0 {
		t.Error("no room when it was promised")
	}
}

// TestLongText: one that is longer than the burst goes when nothing else is on its way.
func TestLongText(t *testing.T) {
	l, a := open(t), ask(noon)
	a.SegmentsPerSecond, a.Segments = 1, []int{3}
	if take(t, l, a).Granted == 0 {
		t.Fatal("never any room for it")
	}
	if room := take(t, l, a); room.Granted > 0 || room.Wait != 3*time.Second {
		t.Errorf("the second one: %+v", room)
	}
}

// TestFirstComesFirst: reminders that take all they can leave room for a receipt, at any moment.
func TestFirstComesFirst(t *testing.T) {
	l, a := open(t), ask(noon)
	a.SegmentsPerSecond = 20
	for i := range 100 {
		a.Now = noon.Add(time.Duration(i) * 50 * time.Millisecond)
		a.First = false
		for take(t, l, a).Granted > 0 {
		}
		if i%20 != 0 {
			continue
		}
		if a.First = true; take(t, l, a).Granted == 0 {
			t.Fatalf("no room for a receipt after %v", a.Now.Sub(noon))
		}
	}
}

// TestN9Pace: reminders go at the pace of the free lines; receipts do not wait for it, and count.
func TestN9Pace(t *testing.T) {
	for _, c := range []struct{ free, want int }{{3000, 185}, {500, 30}, {50, 3}} {
		a := ask(noon)
		a.TextsPerSecond = notify.TextsPerSecond(c.free, 0.06, 270)
		got := sendFor(t, open(t), noon, time.Minute, a)
		if want := c.want * 60; got < want || got > want+2*c.want+90 {
			t.Errorf("%d free lines: %d texts a minute, want about %d", c.free, got, want)
		}
	}
	l, a := open(t), ask(noon)
	a.TextsPerSecond, a.First = 1, true
	for range 5 {
		if take(t, l, a).Granted == 0 {
			t.Fatal("a receipt waits for a free line")
		}
	}
	a.First = false
	if room := take(t, l, a); room.Granted > 0 || room.Wait < 4*time.Second {
		t.Errorf("a reminder after five receipts: %+v", room)
	}
}

// TestDayIsFull: reminders end at four fifths of the day's cap, everything at the cap; the next day is new.
func TestDayIsFull(t *testing.T) {
	l, a := open(t), ask(noon)
	a.SegmentsPerDay = 10
	for range 8 {
		if take(t, l, a).Granted == 0 {
			t.Fatal("full too early")
		}
	}
	if room := take(t, l, a); room.Granted > 0 || !room.DayFull {
		t.Errorf("the ninth reminder: %+v", room)
	}
	a.First = true
	for range 2 {
		if take(t, l, a).Granted == 0 {
			t.Fatal("no room for a receipt")
		}
	}
	if room := take(t, l, a); room.Granted > 0 || !room.DayFull {
		t.Errorf("beyond the cap: %+v", room)
	}
	a.Day, a.Now = "2027-02-11", noon.Add(12*time.Hour)
	if take(t, l, a).Granted == 0 {
		t.Error("the next day is full too")
	}
}

// TestSharedByAllWorkers: many at once take no more than one would, and each sender has its own.
func TestSharedByAllWorkers(t *testing.T) {
	l, a := open(t), ask(noon)
	a.SegmentsPerSecond, a.First = 100, true
	var mu sync.Mutex
	var wg sync.WaitGroup
	taken := 0
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if room, err := l.Reserve(context.Background(), a); err == nil && room.Granted > 0 {
					mu.Lock()
					taken++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if taken != 100 {
		t.Errorf("%d texts at one instant, want 100", taken)
	}
	a.Sender = "MG1"
	if take(t, l, a).Granted == 0 {
		t.Error("another sender has no room")
	}
}

// TestRedisGone: nobody is told that there is room.
func TestRedisGone(t *testing.T) {
	client, err := sessions.Connect("redis://127.0.0.1:1/0")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if room, err := limits.New(client).Reserve(context.Background(), ask(noon)); err == nil || room.Granted > 0 {
		t.Errorf("%+v, %v", room, err)
	}
}
