package network

// Check is what decides about an address that is about to be connected to.
var Check = Dialer.check
