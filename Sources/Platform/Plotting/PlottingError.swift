/// Why a picture could not be made.
package enum PlottingError: Error, Hashable, Sendable {
    /// A side is not a positive number, or the picture would have more pixels than `Canvas.pixelsMax`.
    case sizeOutOfBounds(Canvas.Size, scale: Double)
    /// There is more text than fits into a QR code, or none.
    case textTooLong
    /// Cairo gave up, in its own words; memory is the usual reason.
    case cairo(String)
}
