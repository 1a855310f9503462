module gauntlet-shim

// Not only the oldest toolchain that will do: it decides which of Go's compatibility settings the shim gets, and
// the column is to show the defaults of today.
go 1.27
