extension EC2 {
    /// Images of the account itself.
    /// - Parameter ids: all of them where there is none. Ids of images that were deregistered are not listed, or are an
    ///   error of the kind `notFound`.
    package func images(_ ids: [String] = [], _ filters: [EC2Filter] = []) async throws(AWSError) -> [EC2Image] {
        var request = Self.request("DescribeImages")
        request.set("ImageId", list: ids)
        request.set("Owner", list: ["self"])
        request.set(filters)
        let elements = try await pages(request, "imagesSet").items
        let images = elements.compactMap { EC2Image($0) }
        guard images.count == elements.count else { throw .unreadable(request, "imagesSet") }
        return images
    }

    /// Makes an image of an instance, or returns the one of this name. CreateImage has no client token; the name, which
    /// is unique in an account, takes its place: it is looked up before every attempt.
    /// - Parameters:
    ///   - name: 3 to 128 characters, the same for every repetition.
    ///   - reboots: whether the instance is rebooted for a consistent file system.
    ///   - tags: of the image and of its snapshots.
    /// - Returns: the id of the image, which is usable when its state is `available`.
    package func createImage(
        of instanceID: String, name: String, description: String, reboots: Bool = false, tags: [EC2Tag]
    ) async throws(AWSError) -> String {
        var request = Self.request("CreateImage", isRepeatable: false)
        request.set("InstanceId", instanceID)
        request.set("Name", name)
        request.set("Description", description)
        request.set("NoReboot", reboots ? "false" : "true")
        request.set(tags, of: ["image", "snapshot"])
        var attempt = 1
        while true {
            if let image = try await images([], [EC2Filter("name", name)]).first { return image.id }
            do throws(AWSError) {
                guard let id = try await send(request).string("imageId") else { throw .unreadable(request, "imageId") }
                return id
            } catch {
                // The image may exist now, although the list did not have it.
                guard error.isUnconfirmed || error.kind == .duplicate, attempt < Self.imageAttemptsMax else {
                    throw error
                }
                attempt += 1
            }
        }
    }

    private static let imageAttemptsMax = 3

    /// Deregisters an image; its snapshots stay.
    /// - Returns: false where there is no such image any more.
    package func deregisterImage(_ id: String) async throws(AWSError) -> Bool {
        var request = Self.request("DeregisterImage")
        request.set("ImageId", id)
        return try await remove(request)
    }

    /// Deletes a snapshot. One of a registered image is in use: an error of the kind `wrongState`.
    /// - Returns: false where there is no such snapshot any more.
    package func deleteSnapshot(_ id: String) async throws(AWSError) -> Bool {
        var request = Self.request("DeleteSnapshot")
        request.set("SnapshotId", id)
        return try await remove(request)
    }

    private func remove(_ request: QueryRequest) async throws(AWSError) -> Bool {
        do throws(AWSError) {
            guard isDone(try await send(request)) else { throw .unreadable(request, "return") }
            return true
        } catch {
            guard error.kind == .notFound else { throw error }
            return false
        }
    }
}
