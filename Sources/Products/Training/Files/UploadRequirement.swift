import Entitlements
import Identity
import Modules

/// What the gate admits of an upload.
enum UploadAdmission: Sendable {
    /// The quota has a unit left; the charge pays for the file.
    case charge(Charge)
    /// The quota is spent, and a file was completed within ``SeriesFile/repeatLifetime``. A request that repeats its
    /// last chunk gets the response again, as its first one may have been lost; any other request is refused with this
    /// problem.
    case repeatOnly(Problem)
}

/// Requires a unit of the upload quota, or a recent upload whose response can be repeated.
struct UploadRequirement: Requirement {
    let quota: QuotaRequirement
    let repeats: UploadRepeatService
    let member: Member

    var phase: RequestPhase { quota.phase }
    var problems: [Problem.Kind] { quota.problems }
    var summary: RequirementSummary { quota.summary }

    func check(_ request: Request) async throws(Problem) -> UploadAdmission {
        do throws(Problem) { return .charge(try await quota.check(request)) } catch {
            // A dry run asks about a new upload, not about a repeated one.
            guard error.kind == .quotaExceeded, !request.isDryRun else { throw error }
            let organisation = try await member.scope(of: request).organisation
            guard try await repeats.hasRecentFile(of: organisation) else { throw error }
            return .repeatOnly(error)
        }
    }
}
