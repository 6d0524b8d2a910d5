import CCairo
import Foundation
import Testing

@testable import Plotting

@Suite struct QRCodeTests {
    private static let address =
        "otpauth://totp/api.example:user%40example.org?secret=MZXW6YTBOIMZXW6YTBOIMZXW6YTBOIMY"
        + "&issuer=api.example&algorithm=SHA1"

    @Test(arguments: ["a", "ünïcode", String(repeating: "x", count: 60), address, address + address.prefix(40)])
    func `the image is decoded to the text`(_ text: String) throws {
        for pixels in [1, 6] {
            let image = try QRCode(text).image(pixels: pixels)
            #expect(image.isPNG)
            let reader = try #require(QRReader(png: image.bytes, pixels: pixels))
            #expect(reader.text == text)
        }
    }

    @Test func `the code has a light margin`() throws {
        let code = try QRCode(Self.address)
        let image = try code.image(pixels: 3)
        #expect(image.pixels == [3 * (code.side + 8), 3 * (code.side + 8)])
        #expect(QRReader(png: image.bytes, pixels: 3)?.isLightAround == true)
    }

    @Test(arguments: ["", String(repeating: "x", count: 3_000)])
    func `empty and too long texts are refused`(_ text: String) {
        #expect(throws: PlottingError.textTooLong) { _ = try QRCode(text) }
    }
}

/// Decodes clean images of QR codes, level M, byte mode, up to version 10 (ISO/IEC 18004), independently of the
/// encoder.
private struct QRReader {
    private let modules: [[Bool]]
    let isLightAround: Bool
    private var side: Int { modules.count }

    /// Table 9: the data codewords of each block, by version.
    private static let blocks: [[Int]] = [
        [16], [28], [44], [32, 32], [43, 43], [27, 27, 27, 27], [31, 31, 31, 31], [38, 38, 39, 39],
        [36, 36, 36, 37, 37], [43, 43, 43, 43, 44],
    ]
    /// Annex E: the positions of alignment patterns, by version.
    private static let alignments: [[Int]] = [
        [], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50],
    ]

    init?(png: [UInt8], pixels: Int) {
        let file = FileManager.default.temporaryDirectory.appending(path: "gatehouse-test-\(UUID().uuidString).png")
        defer { try? FileManager.default.removeItem(at: file) }
        guard (try? Data(png).write(to: file)) != nil else { return nil }
        let surface = cairo_image_surface_create_from_png(file.path())
        defer { cairo_surface_destroy(surface) }
        let (width, stride) = (
            Int(cairo_image_surface_get_width(surface)), Int(cairo_image_surface_get_stride(surface))
        )
        guard width % pixels == 0, let data = cairo_image_surface_get_data(surface) else { return nil }
        let count = width / pixels
        func isDark(_ row: Int, _ column: Int) -> Bool {
            data[(row * pixels + pixels / 2) * stride + (column * pixels + pixels / 2) * 4] < 128
        }
        let inner = 4..<(count - 4)
        modules = inner.map { row in inner.map { isDark(row, $0) } }
        isLightAround = (0..<count).allSatisfy { row in
            (0..<count).allSatisfy { inner.contains(row) && inner.contains($0) || !isDark(row, $0) }
        }
    }

    private var version: Int { (side - 17) / 4 }

    /// The mask of the format information, where its level is M.
    private var mask: Int? {
        let places = (0..<6).map { (8, $0) } + [(8, 7), (8, 8), (7, 8)] + (0..<6).reversed().map { ($0, 8) }
        let bits = places.reduce(0) { $0 << 1 | (modules[$1.0][$1.1] ? 1 : 0) } ^ 0x5412
        return bits >> 13 == 0 ? bits >> 10 & 7 : nil
    }

    private func isFunction(_ row: Int, _ column: Int) -> Bool {
        if row == 6 || column == 6 { return true }
        if row < 9, column < 9 || column >= side - 8 { return true }
        if row >= side - 8, column < 9 { return true }
        if version >= 7, row < 6 && column >= side - 11 || column < 6 && row >= side - 11 { return true }
        let centers = Self.alignments[version - 1]
        return centers.contains { x in
            centers.contains { y in
                let corner = x == 6 && (y == 6 || y == centers.last) || x == centers.last && y == 6
                return !corner && abs(row - x) <= 2 && abs(column - y) <= 2
            }
        }
    }

    private static func isMasked(_ mask: Int, _ y: Int, _ x: Int) -> Bool {
        switch mask {
        case 0: (x + y) % 2 == 0
        case 1: y % 2 == 0
        case 2: x % 3 == 0
        case 3: (x + y) % 3 == 0
        case 4: (x / 3 + y / 2) % 2 == 0
        case 5: x * y % 2 + x * y % 3 == 0
        case 6: (x * y % 2 + x * y % 3) % 2 == 0
        default: ((x + y) % 2 + x * y % 3) % 2 == 0
        }
    }

    var text: String? {
        guard side >= 21, version <= Self.blocks.count, let mask else { return nil }
        var bits: [Bool] = []
        var (right, goesUp) = (side - 1, true)
        while right > 0 {
            if right == 6 { right = 5 }
            for step in 0..<side {
                let row = goesUp ? side - 1 - step : step
                for column in [right, right - 1] where !isFunction(row, column) {
                    bits.append(modules[row][column] != Self.isMasked(mask, row, column))
                }
            }
            (right, goesUp) = (right - 2, !goesUp)
        }
        let words = stride(from: 0, to: bits.count - 7, by: 8).map { start in
            bits[start..<(start + 8)].reduce(0) { $0 << 1 | ($1 ? 1 : 0) }
        }
        // Codewords are distributed to the blocks in turn; longer blocks come last.
        let lengths = Self.blocks[version - 1]
        var blocks = lengths.map { _ in [Int]() }
        var next = 0
        for index in 0..<(lengths.max() ?? 0) {
            for (block, length) in lengths.enumerated() where index < length {
                blocks[block].append(words[next])
                next += 1
            }
        }
        let stream = blocks.joined().flatMap { word in (0..<8).map { word >> (7 - $0) & 1 } }
        func number(_ range: Range<Int>) -> Int { stream[range].reduce(0) { $0 << 1 | $1 } }
        guard number(0..<4) == 4 else { return nil }
        let start = version < 10 ? 12 : 20
        let count = number(4..<start)
        return String(
            validating: (0..<count).map { UInt8(number((start + 8 * $0)..<(start + 8 * $0 + 8))) }, as: UTF8.self)
    }
}
