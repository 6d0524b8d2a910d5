import Forecasting
import Foundation
import Testing

struct ModelFileTests {
    let fixture: ForecastingFixture

    init() throws { fixture = try ForecastingFixture() }

    private let metadata =
        #""__metadata__":{"format":"gatehouse-forecast-1","mode":"LIN","input_steps":"1","input_features":"1","#
        + #""output_steps":"1","output_features":"1"}"#

    private func fault(_ header: String, data: Int, length: UInt64? = nil) throws -> ModelFault? {
        var file = Data()
        withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) { file.append(contentsOf: $0) }
        file.append(Data(header.utf8))
        file.append(Data(count: data))
        let url = try fixture.write(file, "model.safetensors")
        do {
            _ = try ForecastMode.load(from: url)
            return nil
        } catch let fault as ModelFault {
            return fault
        }
    }

    private func header(_ tensors: String) -> String { "{\(metadata),\(tensors)}" }

    private let weights = #""weights":{"dtype":"F64","shape":[1,1],"data_offsets":[0,8]}"#
    private let intercepts = #""intercepts":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}"#

    @Test func `a valid file is read`() throws {
        #expect(try fault(header("\(weights),\(intercepts)"), data: 16) == nil)
    }

    @Test(arguments: [0, 1, 1 << 20, 1 << 40, .max] as [UInt64])
    func `a header of invalid length is refused`(length: UInt64) throws {
        #expect(try fault(header("\(weights),\(intercepts)"), data: 16, length: length)?.code == .damagedFile)
    }

    @Test(arguments: [
        #""data_offsets":[0,16]"#, #""data_offsets":[8,0]"#, #""data_offsets":[-8,0]"#, #""data_offsets":[0]"#,
        #""data_offsets":[0,8,9]"#,
        #""data_offsets":[0,9223372036854775807]"#, #""data_offsets":[0,9223372036854775808]"#,
        #""data_offsets":[0,1e300]"#, #""data_offsets":"0,8""#,
        #""data_offsets":[1,9]"#, #""data_offsets":[0,4]"#, #""shape":[2,1]"#, #""shape":[-1,-1]"#,
        #""shape":[4294967296,4294967296]"#, #""shape":[0]"#,
        #""shape":[1,1,1]"#, #""shape":[1.5]"#, #""dtype":"F32""#, #""dtype":"I64""#, #""dtype":7"#, #""dtype":null"#,
    ])
    func `a tensor that contradicts the file is refused`(change: String) throws {
        let key = try #require(change.split(separator: ":").first)
        let fields = [#""dtype":"F64""#, #""shape":[1,1]"#, #""data_offsets":[0,8]"#].map {
            $0.hasPrefix(key) ? change : $0
        }
        #expect(
            try fault(header("\"weights\":{\(fields.joined(separator: ","))},\(intercepts)"), data: 16)?.code
                == .damagedFile)
    }

    @Test(arguments: [
        "", "[]", "null", "{", "{}", "nonsense", #"{"a":{"b":{"c":1}}}"#, String(repeating: "[", count: 10_000),
    ])
    func `an invalid header is refused`(header: String) throws {
        #expect(try fault(header, data: 16)?.code == .damagedFile)
    }

    @Test func `gaps, overlaps and undescribed bytes are refused`() throws {
        let late = #""intercepts":{"dtype":"F64","shape":[1],"data_offsets":[16,24]}"#
        #expect(try fault(header("\(weights),\(late)"), data: 24)?.code == .damagedFile)
        let twice = #""intercepts":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}"#
        #expect(try fault(header("\(weights),\(twice)"), data: 8)?.code == .damagedFile)
        #expect(try fault(header("\(weights),\(intercepts)"), data: 17)?.code == .damagedFile)
        #expect(try fault(header("\(weights),\(intercepts)"), data: 15)?.code == .damagedFile)
        #expect(try fault(header(weights), data: 8)?.code == .damagedFile)
    }

    @Test(arguments: [
        "output_steps\":\"2", "input_steps\":\"0", "input_steps\":\"99999999999999999999", "input_features\":\"-1",
        "input_features\":\"2", "mode\":\"LSTM",
        "mode\":\"Dense", "mode\":\"\\u0000", "format\":\"pickle",
    ])
    func `invalid metadata are refused`(change: String) throws {
        let key = try #require(change.split(separator: "\"").first)
        let pattern = try Regex("\(key)\":\"[^\"]*")
        let changed = header("\(weights),\(intercepts)").replacing(pattern, with: change)
        #expect(try fault(changed, data: 16) != nil)
    }

    @Test func `numbers that are not finite are refused`() throws {
        let model = header("\(weights),\(intercepts)")
        var file = Data()
        withUnsafeBytes(of: UInt64(model.utf8.count)) { file.append(contentsOf: $0) }
        file.append(Data(model.utf8))
        for value in [1.0, Double.nan] { withUnsafeBytes(of: value) { file.append(contentsOf: $0) } }
        let url = try fixture.write(file, "model.safetensors")
        let fault = #expect(throws: ModelFault.self) { _ = try ForecastMode.load(from: url) }
        #expect(fault?.code == .damagedFile)
    }

    @Test func `a truncated or missing file is refused`() throws {
        let short = try fixture.write(Data([1, 2, 3]), "short")
        #expect(throws: ModelFault.self) { _ = try ForecastMode.load(from: short) }
        #expect(throws: FileFault.self) { _ = try ForecastMode.load(from: fixture.file("nowhere")) }
    }
}
