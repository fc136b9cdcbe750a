// Package canary holds the promise that no secret is kept or shown (P4, rule D1) against the whole
// product: a story is told in which every kind of secret is keyed, imported, refused and charged, and
// then every run of four or more characters of each is looked for in everything that the product
// leaves behind: logs at debug level, addresses, spans, metrics, every key and value in Redis and
// every column of every table, while the story goes on and at its end.
//
// It owns the values, which occur nowhere else, and the list of places that are spared, each by name
// and with its reason. It refuses to spare anything by its looks.
package canary
