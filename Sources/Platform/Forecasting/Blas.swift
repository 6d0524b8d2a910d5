import CLapack

/// Calls OpenBLAS with one thread: its own threads would compete with the thread pools of the process, and the order of
/// their sums would change the results.
enum Blas {
    private static let oneThread: Void = openblas_set_num_threads(1)

    /// Sets the number of threads to one. Types call it before their first call of OpenBLAS.
    static func useOneThread() { _ = oneThread }

    /// `result = left × right`, or `result += left × right`: `rows` × `inner` times `inner` × `columns`, all row-major.
    ///
    /// A transposed matrix is stored in column-major order.
    static func multiply(
        _ left: UnsafePointer<Float>,
        isLeftTransposed: Bool = false,
        _ right: UnsafePointer<Float>,
        isRightTransposed: Bool = false,
        rows: Int,
        inner: Int,
        columns: Int,
        into result: UnsafeMutablePointer<Float>,
        adding: Bool = false
    ) {
        let (leftStride, rightStride) = (isLeftTransposed ? rows : inner, isRightTransposed ? inner : columns)
        let (leftOrder, rightOrder) = (
            isLeftTransposed ? CblasTrans : CblasNoTrans, isRightTransposed ? CblasTrans : CblasNoTrans
        )
        let (m, n, k) = (Int32(rows), Int32(columns), Int32(inner))
        cblas_sgemm(
            CblasRowMajor, leftOrder, rightOrder, m, n, k, 1, left, Int32(leftStride), right, Int32(rightStride),
            adding ? 1 : 0, result, n)
    }
}
