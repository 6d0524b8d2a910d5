import CQrencode

/// A text as a QR code (ISO/IEC 18004).
package struct QRCode: Hashable, Sendable {
    /// The number of modules of a side.
    package let side: Int
    private let isDark: [Bool]

    /// The width of the light margin in modules, as the standard requires.
    package static let quietZone = 4

    /// - Parameter text: at most about 2,300 bytes; up to a quarter of that is scanned reliably.
    /// - Throws: ``PlottingError/textTooLong``.
    package init(_ text: String) throws(PlottingError) {
        let bytes = Array(text.utf8)
        // Level M restores up to 15 % damaged or covered modules.
        guard !bytes.isEmpty, let code = QRcode_encodeData(Int32(bytes.count), bytes, 0, QR_ECLEVEL_M) else {
            throw .textTooLong
        }
        defer { QRcode_free(code) }
        side = Int(code.pointee.width)
        // The lowest bit of each byte is the colour; the others are the kind of the module.
        isDark = UnsafeBufferPointer(start: code.pointee.data, count: side * side).map { $0 & 1 == 1 }
    }

    package func isDark(row: Int, column: Int) -> Bool { isDark[row * side + column] }

    /// - Parameter pixels: the side of a module, in pixels.
    package func image(pixels: Int = 6) throws(PlottingError) -> PlotImage {
        let whole = Double((side + 2 * Self.quietZone) * pixels)
        let canvas = try Canvas(size: .init(width: whole, height: whole), format: .png, scale: 1)
        for row in 0..<side {
            for column in 0..<side where isDark(row: row, column: column) {
                let (left, top) = (Double((column + Self.quietZone) * pixels), Double((row + Self.quietZone) * pixels))
                canvas.fill(
                    .init(left: left, top: top, right: left + Double(pixels), bottom: top + Double(pixels)),
                    with: .black)
            }
        }
        return try canvas.image(title: "", description: [])
    }
}
