import Modules

/// The number of steps of a dataset, and the interval between datasets.
struct StepSettings: Payload, Hashable {
    /// I_N: values of each input, 1 to 4096.
    var inputs: Int
    /// O_N: values of each output, 1 to 4096.
    var outputs: Int
    /// DELT: minutes from one dataset to the next, from a second to a year.
    var minutes: Double
    /// OFST: minutes past the hour.
    var offset: Double?

    enum CodingKeys: String, CodingKey {
        case inputs = "eingabe"
        case outputs = "ausgabe"
        case minutes = "zeitschrittweite"
        case offset
    }

    static let naming = Naming.asDeclared
    static let rules: [String: Rule] = [
        "eingabe": .range(1...4096), "ausgabe": .range(1...4096), "zeitschrittweite": .numbers(1.0 / 60...527_040),
        "offset": .numbers(-1440...1440),
    ]
}
