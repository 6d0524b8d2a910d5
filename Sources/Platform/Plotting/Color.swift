/// An opaque colour in sRGB.
package struct Color: Hashable, Sendable {
    package let red: Double
    package let green: Double
    package let blue: Double

    /// - Parameter hex: `0xRRGGBB`, as in CSS.
    package init(hex: UInt32) {
        self.init(
            red: Double(hex >> 16 & 0xFF) / 255, green: Double(hex >> 8 & 0xFF) / 255, blue: Double(hex & 0xFF) / 255)
    }

    private init(red: Double, green: Double, blue: Double) {
        (self.red, self.green, self.blue) = (red, green, blue)
    }

    /// The opaque colour of `share` coverage on white. Opaque, because not every SVG renderer supports opacity.
    package func tint(_ share: Double) -> Color {
        Color(red: 1 - share * (1 - red), green: 1 - share * (1 - green), blue: 1 - share * (1 - blue))
    }

    package static let white = Color(hex: 0xFFFFFF)
    package static let black = Color(hex: 0x000000)
    package static let ink = Color(hex: 0x222222)
    package static let faded = Color(hex: 0x666666)
    package static let grid = Color(hex: 0xE4E4E4)

    /// The palette of Okabe and Ito, which is distinguishable with colour blindness, without its yellow, which has too
    /// little contrast on white. https://jfly.uni-koeln.de/color/
    package static let palette: [Color] = [
        Color(hex: 0x0072B2), Color(hex: 0xD55E00), Color(hex: 0x009E73), Color(hex: 0xCC79A7),
        Color(hex: 0x56B4E9), Color(hex: 0xE69F00), Color(hex: 0x000000),
    ]
}
