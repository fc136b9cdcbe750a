// Package app is the wiring: it builds the roles serve, work and connector from their configuration,
// in order, and takes them down in reverse. Like cmd it sees every room; it decides nothing.
package app
