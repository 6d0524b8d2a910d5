import Foundation

/// A rendered image: the bytes of a PNG or SVG file.
package struct PlotImage: Hashable, Sendable {
    package enum Format: String, CaseIterable, Sendable {
        case png, svg

        package var contentType: String {
            switch self {
            case .png: "image/png"
            case .svg: "image/svg+xml"
            }
        }
    }

    package let format: Format
    package let bytes: [UInt8]

    package init(format: Format, bytes: [UInt8]) {
        self.format = format
        self.bytes = bytes
    }

    /// The image as a data URL (RFC 2397): `data:image/png;base64,…`.
    package var dataURL: String {
        "data:\(format.contentType);base64,\(Data(bytes).base64EncodedString())"
    }
}
