-- name: MemberByID :one
SELECT member_id, name, phone, phone_since, mobile, language, time_zone FROM members WHERE member_id = @member_id;
