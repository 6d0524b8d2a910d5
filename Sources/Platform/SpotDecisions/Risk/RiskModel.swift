package import Base
import Boosting
import Secrets

/// A trained risk model: trees over ``RiskFeature``, and the threshold above which a pool counts as risky. Its scores
/// order pools by risk; they are no frequencies, because the training weights the rare positive rows.
package struct RiskModel: Sendable, Hashable {
    /// The version of the form of the file.
    static let formatVersion: Int64 = 1
    static let format = "gatehouse-risk-model"
    package static let bytesMax = 32 << 20

    /// Such as `2.1.0`.
    package let version: String
    /// 0 to 1.
    package let threshold: Double
    /// The SHA-256 of everything that decides a score, in lower-case hexadecimal.
    package let digest: String
    private let trees: TreeEnsemble

    init(version: String, threshold: Double, trees: TreeEnsemble) {
        self.version = version
        self.threshold = threshold
        self.trees = trees
        digest = Self.digest(threshold, trees)
    }

    /// Reads a file that `gatehouse risk train` wrote.
    /// - Parameter name: of the file, for messages; one that ends with `.pkl` is refused.
    /// - Throws: ``RiskModelFault``.
    package init(_ bytes: [UInt8], named name: String = "model.json") throws(RiskModelFault) {
        // A pickle is a program that runs while it is read.
        guard !Self.isPickle(name), !Self.isPickle(bytes) else { throw .pickle }
        guard bytes.count <= Self.bytesMax else { throw .tooLarge }
        let json: JSONValue
        do { json = try JSONValue(parsing: bytes) } catch { throw .unreadable("it is not JSON: \(error)") }
        guard json["format"]?.string == Self.format, json["format_version"]?.integer == Self.formatVersion else {
            throw .unreadable("it is not a \(Self.format) of the version \(Self.formatVersion)")
        }
        guard let version = json["version"]?.string, (1...64).contains(version.utf8.count) else {
            throw .unreadable("its version is missing")
        }
        guard json["features"]?.array?.map(\.string) == RiskFeature.allCases.map(\.rawValue) else {
            throw .unreadable("its features are others than those of this program")
        }
        guard let threshold = json["threshold"]?.number, (0...1).contains(threshold) else {
            throw .unreadable("its threshold is not from 0 to 1")
        }
        guard let booster = json["booster"] else { throw .unreadable("it has no booster") }
        let trees: TreeEnsemble
        do { trees = try TreeEnsemble(xgboost: booster) } catch { throw .unreadable("\(error)") }
        guard trees.features == RiskRows.columns else { throw .unreadable("its trees have another number of features") }
        self.init(version: version, threshold: threshold, trees: trees)
        guard json["digest"]?.string == digest else { throw .unreadable("its digest is not the one of its content") }
    }

    /// The model that comes with the program. It is read once.
    package static let embedded: RiskModel = {
        do {
            return try RiskModel(PackageResources.risk_model_json)
        } catch { preconditionFailure("The embedded risk model cannot be read: \(error)") }
    }()

    /// Reads the file that RISK_MODEL_PATH names.
    /// - Throws: ``RiskModelFault``.
    package init(contentsOf path: String) throws(RiskModelFault) {
        guard !Self.isPickle(path) else { throw .pickle }
        let bytes: [UInt8]
        do throws(InputFileFault) { bytes = try InputFile.bytes(of: path, upTo: Self.bytesMax) } catch {
            switch error {
            case .tooLarge: throw .tooLarge
            case .notRegular: throw .unreadable("\(path) is not a regular file")
            case .cannotOpen, .cannotRead: throw .unreadable("\(path) cannot be opened")
            }
        }
        try self.init(bytes, named: path)
    }

    /// The scores of rows in the order of ``RiskFeature``, 0 to 1.
    package func scores(_ rows: [Float]) -> [Double] { trees.probabilities(rows) }

    /// The scores of all pools that have features at a time, as a ``DecisionInput`` takes them.
    package func risk(_ features: RiskFeatures, at time: Instant) -> [SpotPool: Double] {
        var (pools, rows) = ([SpotPool](), [Float]())
        for pool in features.pools {
            guard let row = features.row(of: pool, at: time) else { continue }
            pools.append(pool)
            rows += row.lazy.map { Float($0) }
        }
        return Dictionary(uniqueKeysWithValues: zip(pools, scores(rows)))
    }

    private static func isPickle(_ name: String) -> Bool {
        name.lowercased().hasSuffix(".pkl") || name.lowercased().hasSuffix(".pickle")
    }

    /// Pickles of the protocols 2 and later begin with 0x80 and the number of the protocol.
    private static func isPickle(_ bytes: [UInt8]) -> Bool { bytes.count > 1 && bytes[0] == 0x80 && bytes[1] < 16 }

    private static func digest(_ threshold: Double, _ trees: TreeEnsemble) -> String {
        var digest = Digest()
        digest.update((RiskFeature.allCases.map(\.rawValue).joined(separator: ",") + "\n").utf8)
        digest.update("\(threshold.bitPattern)\n".utf8)
        digest.update(trees.canonicalBytes)
        return digest.hex()
    }
}

/// Why a file is not used as a risk model.
package enum RiskModelFault: Error, Sendable, Hashable, CustomStringConvertible {
    case pickle
    case tooLarge
    case unreadable(String)

    package var description: String {
        switch self {
        case .pickle:
            "A pickle is a program that runs while it is read, so it is refused. "
                + "Train a model with `gatehouse risk train`."
        case .tooLarge: "The file has more than \(RiskModel.bytesMax) bytes."
        case .unreadable(let reason): "The file is not a risk model: \(reason)."
        }
    }
}
