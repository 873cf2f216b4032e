package s3

// NewClientVia is NewClient for tests that stand between the client and the network.
var NewClientVia = newClient
