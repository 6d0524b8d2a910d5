/// A plot of a run, stored as a PNG file in the run's folder.
struct Plot: Sendable {
    let name: String
    /// input, time, output, forecast or loss.
    let kind: String
    /// Such as IN1 or OUT1; the mode of the model for a loss plot.
    let label: String
    let fileName: String
}
