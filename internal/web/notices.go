package web

// notices are what a page says about the thing done on the way to it, by the word
// in its address. Nothing of an address is shown, so that no link can put words
// into our mouth. In the order of the bar.
var notices = map[string]string{
	// People
	"blocked":        "The person is blocked. Their sessions have ended.",
	"unblocked":      "The block is taken back. The person can log in again.",
	"sessions-ended": "All sessions of this person have ended.",
	"erased":         "The person is erased.",
	"member-added":   "The person is in the group, by your hand.",
	"member-removed": "What administrators had granted is ended. Other reasons to be in the group stay.",
	"rules-applied":  "The rules were applied. The last logins say what they changed.",

	// Identity management systems
	"saved":             "The record is saved. It decides from the next login on.",
	"drafted":           "The draft is saved. It takes test logins alone until it is switched on.",
	"unchanged":         "Nothing was different, so nothing was saved.",
	"record-deleted":    "The record is deleted, with its people. The audit trail keeps what was.",
	"metadata-same":     "The metadata was read. It says what it said before.",
	"metadata-taken":    "The metadata was read, and what was new in it is taken over.",
	"metadata-waits":    "The metadata was read. Something in it waits for approval.",
	"metadata-approved": "The metadata is approved, and counts from the next login on.",
	"key-announced":     "The next key is announced. Let the provider know it, and switch in two days at the earliest.",
	"key-switched":      "The next key signs from now on. Retire the former one in two days at the earliest.",
	"key-retired":       "The key is gone. What is encrypted for it is refused from now on.",

	// Groups
	"group-created": "The group is created. Rules can point at it from now on.",
	"group-renamed": "The group has its new name.",
	"group-deleted": "The group is deleted, and its members are out of it.",
	"left-remove":   "What deleted associations left is removed.",
	"left-adopt":    "What deleted associations left is yours now: these memberships are by your hand.",

	// Directory sync
	"directory-asked":              "The sync is asked for, and begins within 10 seconds.",
	"directory-rehearsal":          "The rehearsal is asked for, and begins within 10 seconds. It changes nothing.",
	"directory-paused":             "The record is not synced by itself any more.",
	"directory-resumed":            "The record is synced by itself again.",
	"directory-password":           "The password is kept, encrypted. Test the connection to see whether it is right.",
	"directory-password-forgotten": "The password is forgotten.",
	"directory-approved":           "The plan is approved. It is applied within 10 seconds, if the directory still says the same.",
	"directory-approved-waits":     "The plan is approved. The next run applies it, if the directory still says the same; the record is not synced by itself now.",

	// Administrators, and people who are exempt
	"role":            "The role is changed. It counts from their next click on.",
	"address-ended":   "The one-time address is ended. Whoever has it is refused.",
	"exempted":        "The exemption is granted.",
	"exemption-ended": "The exemption is ended. Sessions that are open go on.",

	// API tokens
	"token-revoked": "The token is revoked. Whatever used it is refused from now on.",

	// Settings
	"settings":   "The settings are saved. Every process goes by them within 2 seconds.",
	"enforced":   "Single sign-on is enforced. Passwords are for administrators and exempt people alone.",
	"optional":   "Single sign-on is optional. Every local person may log in with a password.",
	"door-open":  "The back door is open.",
	"door-shut":  "The back door is shut. On the server, idms admin unlock lets somebody in.",
	"mail-tried": "The mail server has taken the letter. Look whether it arrives.",

	// The door
	"forgotten":       "If somebody of this username may have a new password by letter, one is on its way to the e-mail address that we have of them. It is good for an hour. Look among unwanted mail, too.",
	"password-chosen": "Your new password is kept, and your sessions have ended. Log in with it.",

	// Security, a page of every local person
	"password-changed": "The password is changed, and your other sessions have ended.",
	"app-added":        "The app is set up. From now on your password asks for its code.",
	"app-removed":      "The app is removed.",
	"passkey-added":    "The passkey is kept. Log out and in again with it to see that it works.",
	"passkey-removed":  "The passkey is removed. Delete it from your device too: it would still offer it.",
	"session-ended":    "That session has ended.",
}
