// Package twilio stands in for Twilio and for the callers behind it, in development, tests and load runs.
//
// It owns: placing calls with Twilio's parameters and signatures (of its own making, never the product's),
// reading TwiML strictly (grammar.json, document checks, flow lint), playing Gather, Pay, Redirect, Dial,
// Say, Play, Pause, Record and Hangup to a caller whom a script or a page moves by Call's methods, tokenizing
// through connectors, delivering webhooks by the connection overrides in a URL's fragment, and the REST
// resources Messages, Calls, IncomingPhoneNumbers and Services, and Lookup's reassigned_number. It also owns
// the faults that Twilio or the network can show: repeated, parallel and lost deliveries, an API that is down
// or loses its reply, rate limits, callbacks out of order.
//
// It refuses, as a recorded Fault that ends the call, whatever Twilio would reject or quietly ignore, and it
// refuses a caller's act that the line would not take at that moment (keys that no Gather waits for, speech
// into a keypad field). It imports nothing of the product, so a shared mistake cannot pass.
//
// Nothing here sleeps or reads the machine's clock: time is Config.Now, a Pause is handed to Config.OnPause,
// and the only real waiting is for HTTP.
//
// Where to start reading: call.go (a call and what is seen of it), act.go (what a caller does), verbs.go (the
// loop that plays a document), fetch.go and deliver.go (how the product is asked), pay.go (the capture of
// card and bank numbers), rest.go (the API), faults.go (everything that can be made to go wrong).
//
// Locks: Call.turn is held for as long as a call runs, HTTP included; Twilio.mu and Call.mu are held for a
// few statements and never over a request. Whoever holds a call's turn may take either of the two, never the
// reverse.
//
// What it does not imitate:
//   - sound: no audio is made, no speech recognised; words are given as text;
//   - type-ahead: keys pressed before the line listens are refused, not buffered;
//   - Enqueue, Refer, Leave, Conference, Queue and Client (each ends the call
//     with a Fault), Stream, Siprec, Transcription, ConversationRelay and the rest;
//   - recordings (Record posts a made-up URL), answering-machine detection (the
//     test says who answered), SIP, media regions, call quality, prices;
//   - cookies within a call, Webhook Rules, sni and edge overrides (read, unused);
//   - partialResultCallback and per-key Pay status callbacks (one a field is sent);
//   - REST Payments and recordings, the other packages of Lookup, Verify, Studio,
//     TaskRouter, sub-accounts, API keys;
//   - TLS: the https rule for Pay is checked by the URL alone.
package twilio
