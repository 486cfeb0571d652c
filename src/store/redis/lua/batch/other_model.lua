-- A name too many is counted under "(other)", which has a place of its own.
m = 36
while S[m] and S[m] ~= '(other)' do m = m + 4 end
if not S[m] then S[m], S[m + 1], S[m + 2], S[m + 3] = '(other)', 0, 0, 0 end
