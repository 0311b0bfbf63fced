// Package preprocess turns raw columns into encoded rows: what a job's rules say of each column, fitted on training rows in few
// passes, applied to all rows, and exported into the model's graph.
//
// [Compile] makes a [Plan] of the rules: for each column a chain of steps. Steps that learn are Learners:
// each fills a sketch in a wave, that is, in a pass that all features share. Mappers fill [Part]s, the driver merges them
// along the engine's fixed tree, and [Plan.Fit] turns a wave's part into fitted steps, which the [State] keeps. When all waves
// are fitted, the [Transformer] encodes batches and writes itself as nodes that compute the same bits. Selection of features
// ([Selection]) takes part in the last wave. The split of the rows ([Splitter]) and the label ([Target]) follow the same
// verbs: update, merge, fit.
//
// A kind of step is one file: options, sketch, Fit, Apply and Export, and a call of [Register]. The name it registers is a contract:
// job files and fitted models carry it.
//
// Invariant: no file, no clock, no global random source, no logging. Fitting sees what it is given, and callers give it training
// rows only; an unfitted step has no Apply; Apply equals the exported graph in bits.
package preprocess
