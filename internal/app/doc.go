// Package app is the wiring: it reads the settings, builds the roles serve, work and connector from them, and closes
// in reverse order what it opened. Like cmd it may import every package; it decides nothing about members,
// payments or texts.
package app
