import Foundation

/// Arrays and strings in one file in the safetensors format: a length, a JSON header, then little-endian numbers. The
/// format contains no code.
///
/// https://huggingface.co/docs/safetensors. Files are untrusted: the header is bounded, every range is checked, and the
/// numbers must be finite.
struct Safetensors {
    /// The value of `format` in the metadata of models.
    static let format = "gatehouse-forecast-1"

    enum Values: Equatable {
        case float([Float])
        case double([Double])

        var count: Int {
            switch self {
            case .float(let values): values.count
            case .double(let values): values.count
            }
        }
    }

    struct Tensor: Equatable {
        var shape: [Int]
        var values: Values
    }

    var metadata: [String: String]
    var tensors: [String: Tensor]

    private static let headerBytesMax = 1 << 20
    private static let tensorsMax = 256
    private static let dimensionsMax = 8

    init(metadata: [String: String], tensors: [String: Tensor]) {
        self.metadata = metadata
        self.tensors = tensors
    }

    // MARK: Writing

    func write(to url: URL) throws {
        var header: [String: Entry] = ["__metadata__": .metadata(metadata)]
        var offset = 0
        let ordered = tensors.sorted { $0.key < $1.key }
        for (name, tensor) in ordered {
            let size = tensor.values.count * (tensor.isDouble ? 8 : 4)
            header[name] = .tensor(
                .init(
                    dtype: tensor.isDouble ? "F64" : "F32", shape: tensor.shape, dataOffsets: [offset, offset + size]))
            offset += size
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        var json = try encoder.encode(header)
        // The numbers begin at a multiple of eight, so that they can be memory-mapped.
        json.append(Data(repeating: UInt8(ascii: " "), count: (8 - json.count % 8) % 8))
        let output = try OutputFile(url)
        try withUnsafeBytes(of: UInt64(json.count).littleEndian) { try output.append($0) }
        try output.append(json)
        for (_, tensor) in ordered {
            switch tensor.values {
            case .float(let values): try values.withUnsafeBytes { try output.append($0) }
            case .double(let values): try values.withUnsafeBytes { try output.append($0) }
            }
        }
        try output.finish(synchronised: true)
    }

    // MARK: Reading

    /// Throws `ModelFault.damagedFile` for an invalid file, `FileFault` for I/O errors.
    init(contentsOf url: URL) throws {
        let file = try MappedFile(url)
        try self.init(file.bytes)
    }

    init(_ bytes: UnsafeRawBufferPointer) throws(ModelFault) {
        guard bytes.count >= 8 else { throw Self.damaged("it is too short") }
        let length = bytes.loadUnaligned(as: UInt64.self)
        guard length >= 2, length <= UInt64(min(Self.headerBytesMax, bytes.count - 8)) else {
            throw Self.damaged("its header has an impossible length")
        }
        let data = UnsafeRawBufferPointer(rebasing: bytes[(8 + Int(length))...])
        let json = Data(bytes[8..<8 + Int(length)])
        guard json.first == UInt8(ascii: "{"), let header = try? JSONDecoder().decode([String: Entry].self, from: json)
        else {
            throw Self.damaged("its header is not the expected JSON")
        }
        metadata = [:]
        var entries: [(name: String, entry: Entry.Tensor)] = []
        for (name, entry) in header {
            switch entry {
            case .metadata(let strings) where name == "__metadata__": metadata = strings
            case .tensor(let tensor) where name != "__metadata__": entries.append((name, tensor))
            default: throw Self.damaged("its header has metadata in place of a tensor, or the reverse")
            }
        }
        guard entries.count <= Self.tensorsMax else {
            throw Self.damaged("it lists more than \(Self.tensorsMax) tensors")
        }
        entries.sort { ($0.entry.dataOffsets.first ?? 0, $0.name) < ($1.entry.dataOffsets.first ?? 0, $1.name) }
        tensors = [:]
        // The format allows neither overlaps nor gaps: each tensor begins at the end of the one before, and the last
        // one ends the file.
        var offset = 0
        for (name, entry) in entries {
            guard entry.dataOffsets.count == 2, entry.dataOffsets[0] == offset, entry.dataOffsets[1] >= offset,
                entry.dataOffsets[1] <= data.count
            else {
                throw Self.damaged("tensor \(name) does not follow the one before it")
            }
            let range = UnsafeRawBufferPointer(rebasing: data[offset..<entry.dataOffsets[1]])
            tensors[name] = try Self.tensor(name, entry, range)
            offset = entry.dataOffsets[1]
        }
        guard offset == data.count else { throw Self.damaged("it has bytes that its header does not describe") }
    }

    private static func tensor(_ name: String, _ entry: Entry.Tensor, _ bytes: UnsafeRawBufferPointer)
        throws(ModelFault) -> Tensor
    {
        guard entry.shape.count <= dimensionsMax else { throw damaged("tensor \(name) has too many dimensions") }
        var count = 1
        for dimension in entry.shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
            guard dimension >= 0, !overflow else { throw damaged("tensor \(name) has an impossible shape") }
            count = product
        }
        let width: Int
        switch entry.dtype {
        case "F32": width = 4
        case "F64": width = 8
        default: throw damaged("tensor \(name) is neither F32 nor F64")
        }
        let (size, overflow) = count.multipliedReportingOverflow(by: width)
        guard !overflow, size == bytes.count else { throw damaged("the shape and the size of tensor \(name) disagree") }
        if width == 4 {
            let values = [Float](unsafeUninitializedCapacity: count) { buffer, filled in
                UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
                filled = count
            }
            guard values.allSatisfy(\.isFinite) else {
                throw damaged("tensor \(name) holds a number that is not finite")
            }
            return Tensor(shape: entry.shape, values: .float(values))
        }
        let values = [Double](unsafeUninitializedCapacity: count) { buffer, filled in
            UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
            filled = count
        }
        guard values.allSatisfy(\.isFinite) else { throw damaged("tensor \(name) holds a number that is not finite") }
        return Tensor(shape: entry.shape, values: .double(values))
    }

    static func damaged(_ reason: String) -> ModelFault {
        ModelFault(.damagedFile, "The file is not a model that can be read: \(reason).")
    }

    // MARK: Typed access

    /// A tensor of doubles of exactly this shape.
    func doubles(_ name: String, shape: [Int]) throws(ModelFault) -> [Double] {
        guard let tensor = tensors[name], tensor.shape == shape, case .double(let values) = tensor.values else {
            throw Self.damaged("it lacks the F64 tensor \(name) of shape \(shape)")
        }
        return values
    }

    /// A tensor of floats of exactly this shape.
    func floats(_ name: String, shape: [Int]) throws(ModelFault) -> [Float] {
        guard let tensor = tensors[name], tensor.shape == shape, case .float(let values) = tensor.values else {
            throw Self.damaged("it lacks the F32 tensor \(name) of shape \(shape)")
        }
        return values
    }

    /// An integer in the metadata, within bounds.
    func integer(_ name: String, in range: ClosedRange<Int>) throws(ModelFault) -> Int {
        guard let value = metadata[name].flatMap({ Int($0) }), range.contains(value) else {
            throw Self.damaged("its \(name) is missing or out of bounds")
        }
        return value
    }

    /// The shape of a model, from its metadata.
    func shape() throws(ModelFault) -> ForecastShape {
        let steps = 1...DatasetRecipe.stepsMax
        return ForecastShape(
            inputSteps: try integer("input_steps", in: steps),
            inputFeatures: try integer("input_features", in: 1...1000),
            outputSteps: try integer("output_steps", in: steps),
            outputFeatures: try integer("output_features", in: 1...1000)
        )
    }

    static func metadata(_ mode: ForecastMode, _ shape: ForecastShape, _ more: [String: String] = [:]) -> [String:
        String]
    {
        let own = [
            "format": format,
            "mode": mode.rawValue,
            "input_steps": "\(shape.inputSteps)",
            "input_features": "\(shape.inputFeatures)",
            "output_steps": "\(shape.outputSteps)",
            "output_features": "\(shape.outputFeatures)",
        ]
        return own.merging(more) { own, _ in own }
    }

    /// A value of the header: the strings of `__metadata__`, or the position of a tensor.
    private enum Entry: Codable {
        struct Tensor: Codable {
            var dtype: String
            var shape: [Int]
            var dataOffsets: [Int]

            enum CodingKeys: String, CodingKey {
                case dtype, shape
                case dataOffsets = "data_offsets"
            }
        }

        case metadata([String: String])
        case tensor(Tensor)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let tensor = try? container.decode(Tensor.self) {
                self = .tensor(tensor)
            } else {
                self = .metadata(try container.decode([String: String].self))
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .metadata(let strings): try container.encode(strings)
            case .tensor(let tensor): try container.encode(tensor)
            }
        }
    }
}

extension Safetensors.Tensor {
    var isDouble: Bool { if case .double = values { true } else { false } }
}
