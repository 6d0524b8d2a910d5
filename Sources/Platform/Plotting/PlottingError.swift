/// The reason why an image could not be rendered.
package enum PlottingError: Error, Hashable, Sendable {
    /// A side is not a positive number, or the image would exceed `Canvas.pixelsMax`.
    case sizeOutOfBounds(Canvas.Size, scale: Double)
    /// The text is empty or too long for a QR code.
    case textTooLong
    /// Cairo's error message; the usual cause is a lack of memory.
    case cairo(String)
}
