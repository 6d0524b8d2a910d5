package import Foundation

/// The kinds of model (`MODE`); the raw values are part of the API.
package enum ForecastMode: String, Codable, Sendable, CaseIterable {
    case linear = "LIN"
    case dense = "Dense"
    case convolution = "CNN"
    case recurrent = "LSTM"
    case autoregressiveRecurrent = "AR LSTM"
    case supportVectorDirect = "SVR_dir"
    case supportVectorMultiple = "SVR_MIMO"
    case boostedTrees = "LGBMR"

    /// All modes.
    package static var all: [ForecastMode] { allCases }
    /// The modes that can be trained.
    package static var available: [ForecastMode] { [.linear, .dense] }
    /// Whether the mode can be trained.
    package var isAvailable: Bool { Self.available.contains(self) }

    /// Reads a model and validates every number of the file.
    ///
    /// Throws `ModelFault.damagedFile` for a file that `save` has not written, `FileFault` for I/O errors.
    package static func load(from url: URL) throws -> any ForecastModel {
        let file = try Safetensors(contentsOf: url)
        guard file.metadata["format"] == Safetensors.format, let mode = file.metadata["mode"].flatMap(ForecastMode.init)
        else {
            throw ModelFault(.damagedFile, "The file is not a model of this format.")
        }
        switch mode {
        case .linear: return try LinearModel(file)
        case .dense: return try DenseModel(file)
        default: throw ModelFault(.modeNotAvailable, "A \(mode.rawValue) model cannot be read by this version.")
        }
    }
}
