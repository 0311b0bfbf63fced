package onnx

// Flights and FlightRows are the example graph of this package's tests and columns for it.
var (
	Flights    = flights
	FlightRows = flightRows
)
