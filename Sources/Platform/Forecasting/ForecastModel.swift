package import Foundation

/// A trained model, which can be saved.
package protocol ForecastModel: Forecaster {
    var mode: ForecastMode { get }

    /// Writes the model in the safetensors format, atomically and durably. Throws `FileFault`.
    func save(to url: URL) throws
}
