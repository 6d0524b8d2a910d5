/// The reason why a document could not be made.
package enum PDFError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The font files are not installed. They are those of Debian's package fonts-dejavu-core.
    case fontMissing(path: String)
    case tooManyPages
    /// A status of libharu; the usual cause is a lack of memory.
    case library(status: UInt)

    package var description: String {
        switch self {
        case .fontMissing(let path): "the font \(path) cannot be read"
        case .tooManyPages: "the document would have more than \(PDFDocument.pagesMax) pages"
        case .library(let status): "libharu failed with the status 0x\(String(status, radix: 16))"
        }
    }
}
